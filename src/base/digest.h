/* digest.h: content digests. SHA-256 (libsodium) names blobs and chains the audit log; CRC-32C
 * guards sections of model files. Any thread. */
#pragma once
#include "base/err.h"
#include <stddef.h>
#include <stdint.h>

#define SHA256_HEX 64

struct sha256 { uint64_t opaque[16]; };
void sha256_init(struct sha256 *s);
void sha256_add(struct sha256 *s, const void *p, size_t n);
void sha256_hex(struct sha256 *s, char hex[SHA256_HEX + 1]); /* ends the computation */
void sha256_buf(const void *p, size_t n, char hex[SHA256_HEX + 1]);

/* HMAC-SHA-256 (RFC 2104) in hex. */
void hmac_sha256(const void *key, size_t n_key, const void *p, size_t n, char hex[SHA256_HEX + 1]);

uint32_t crc32c(uint32_t crc, const void *p, size_t n); /* start with 0 (RFC 3720) */
uint64_t fnv1a64(const void *p, size_t n);
