/* digest.c: see digest.h. */
#include "base/digest.h"

#include <assert.h>
#include <pthread.h>
#include <sodium.h>
#include <string.h>

_Static_assert(sizeof(struct sha256) >= sizeof(crypto_hash_sha256_state), "state fits");

static crypto_hash_sha256_state *state(struct sha256 *s)
{
    return (crypto_hash_sha256_state *)(void *)s;
}

static void to_hex(const unsigned char *bin, size_t n, char *hex)
{
    for (size_t i = 0; i < n; i++) {
        hex[2 * i] = "0123456789abcdef"[bin[i] >> 4];
        hex[2 * i + 1] = "0123456789abcdef"[bin[i] & 15];
    }
    hex[2 * n] = '\0';
}

void sha256_init(struct sha256 *s) { crypto_hash_sha256_init(state(s)); }

void sha256_add(struct sha256 *s, const void *p, size_t n)
{
    crypto_hash_sha256_update(state(s), p, n);
}

void sha256_hex(struct sha256 *s, char hex[SHA256_HEX + 1])
{
    unsigned char bin[crypto_hash_sha256_BYTES];
    crypto_hash_sha256_final(state(s), bin);
    to_hex(bin, sizeof bin, hex);
}

void sha256_buf(const void *p, size_t n, char hex[SHA256_HEX + 1])
{
    unsigned char bin[crypto_hash_sha256_BYTES];
    crypto_hash_sha256(bin, p, n);
    to_hex(bin, sizeof bin, hex);
}

void hmac_sha256(const void *key, size_t n_key, const void *p, size_t n, char hex[SHA256_HEX + 1])
{
    crypto_auth_hmacsha256_state s;
    unsigned char bin[crypto_auth_hmacsha256_BYTES];
    crypto_auth_hmacsha256_init(&s, key, n_key);
    crypto_auth_hmacsha256_update(&s, p, n);
    crypto_auth_hmacsha256_final(&s, bin);
    to_hex(bin, sizeof bin, hex);
}
