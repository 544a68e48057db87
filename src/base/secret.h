/* secret.h: keys that callers show, and the secret their hashes are made with.
 *
 * A key is "sbx_" and 32 random bytes in base64url. It is never stored; stored is its BLAKE2b-256
 * keyed with the workspace's secret, a file that only its owner may read. So a copy of the database
 * alone lets nobody test guesses. Comparisons take the same time wherever texts differ.
 * Any thread; secret_file blocks. */
#pragma once
#include "base/err.h"
#include <stddef.h>

#define SECRET_BYTES  32
#define SECRET_HEX    (2 * SECRET_BYTES)
#define SECRET_KEY    47 /* characters of a key */
#define SECRET_PREFIX 12 /* the first of them, stored in the clear to recognise a key by */

/* A new key, terminated. */
void secret_key_make(char buf[SECRET_KEY + 1]);
/* Has the text of n bytes the form of a key? Says nothing about who it belongs to. */
bool secret_key_formed(const char *text, size_t n);
/* Keyed BLAKE2b-256. */
void secret_hash(const unsigned char secret[SECRET_BYTES], const void *p, size_t n,
                 unsigned char ret[SECRET_BYTES]);
bool secret_equal(const unsigned char a[SECRET_BYTES], const unsigned char b[SECRET_BYTES]);
void secret_to_hex(const unsigned char in[SECRET_BYTES], char hex[SECRET_HEX + 1]);
bool secret_from_hex(const char *hex, unsigned char ret[SECRET_BYTES]); /* exactly 64 digits */
void secret_wipe(void *p, size_t n);                                    /* is not optimised away */

/* The secret in a file. With create it is made when absent (mode 0600; of several processes that
 * make it at once, all get the same). ERR_NOTFOUND: absent; ERR_DENIED: others may read it;
 * ERR_CORRUPT: not a secret. */
int secret_file(const char *path, bool create, unsigned char ret[SECRET_BYTES], struct err *e);
