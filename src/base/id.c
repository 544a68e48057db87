/* id.c: see id.h. ULID: 48 bits of milliseconds, 80 random bits, Crockford base 32. Within one
 * millisecond the random part is counted up, so ids of one process sort by creation. */
#include "base/id.h"

#include <ctype.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

static const char crockford[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

void id_random(void *buf, unsigned n)
{
    unsigned char *p = buf;
    while (n) {
        ssize_t got = getrandom(p, n, 0);
        if (got < 0) continue; /* EINTR; the call has no other failure for small sizes */
        p += got;
        n -= (unsigned)got;
    }
}

static void next_random(int64_t ms, unsigned char out[10])
{
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    static int64_t last_ms = -1;
    static unsigned char last[10];
    pthread_mutex_lock(&lock);
    if (ms != last_ms) {
        id_random(last, sizeof last);
        last[0] &= 0x7f; /* head room for counting up */
        last_ms = ms;
    } else {
        for (int i = 9; i >= 0 && ++last[i] == 0; i--) {}
    }
    memcpy(out, last, 10);
    pthread_mutex_unlock(&lock);
}

void id_ulid(char buf[ULID_LEN + 1], int64_t now_us)
{
    int64_t ms = now_us / 1000;
    unsigned char r[10];
    next_random(ms, r);
    for (int i = 9; i >= 0; i--, ms >>= 5) buf[i] = crockford[ms & 31];
    for (int i = 0; i < 16; i++) {
        int bit = i * 5, byte = bit / 8, off = bit % 8;
        unsigned w = (unsigned)r[byte] << 8 | (byte < 9 ? r[byte + 1] : 0u);
        buf[10 + i] = crockford[w >> (11 - off) & 31];
    }
    buf[ULID_LEN] = '\0';
}

void id_run(char buf[RUN_ID_LEN + 1])
{
    unsigned char r[16];
    id_random(r, sizeof r);
    for (int i = 0; i < 16; i++) {
        buf[2 * i] = "0123456789abcdef"[r[i] >> 4];
        buf[2 * i + 1] = "0123456789abcdef"[r[i] & 15];
    }
    buf[RUN_ID_LEN] = '\0';
}

bool id_is_ulid(const char *s)
{
    return strlen(s) == ULID_LEN && strspn(s, crockford) == ULID_LEN;
}

bool id_is_run(const char *s)
{
    return strlen(s) == RUN_ID_LEN && strspn(s, "0123456789abcdef") == RUN_ID_LEN;
}

/* -1: not of the alphabet */
static int digit(const char *alphabet, char c)
{
    const char *at = c ? strchr(alphabet, c) : NULL;
    return at ? (int)(at - alphabet) : -1;
}

static int64_t ulid_time(const char *s)
{
    int64_t ms = 0;
    if (strspn(s, crockford) != ULID_LEN) return -1;
    for (int i = 0; i < 10; i++) ms = ms << 5 | digit(crockford, s[i]);
    return ms >> 48 ? -1 : ms;
}

/* xxxxxxxx-xxxx-7xxx-xxxx-xxxxxxxxxxxx, the first twelve digits are the time. */
static int64_t uuid7_time(const char *s)
{
    static const char shape[] = "xxxxxxxx-xxxx-7xxx-xxxx-xxxxxxxxxxxx", hex[] = "0123456789abcdef";
    int64_t ms = 0;
    for (size_t i = 0; i < sizeof shape - 1; i++) {
        int d = digit(hex, s[i] >= 'A' && s[i] <= 'F' ? (char)(s[i] + 'a' - 'A') : s[i]);
        if (shape[i] == 'x' ? d < 0 : s[i] != shape[i]) return -1;
        if (i < 13 && i != 8) ms = ms << 4 | d;
    }
    return ms;
}

int64_t id_time_ms(const char *s)
{
    int64_t ms = ulid_time(s);
    size_t n = ULID_LEN;
    if (ms < 0) {
        ms = uuid7_time(s);
        n = 36;
    }
    return ms < 0 || isalnum((unsigned char)s[n]) ? -1 : ms;
}
