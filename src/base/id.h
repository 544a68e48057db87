/* id.h: identifiers. ULIDs (26 characters, sort by time) for everything but runs; 32 lower-case
 * hex digits for runs, as MLflow clients expect. Randomness comes from the kernel. Any thread;
 * ULIDs made by one process within a millisecond are increasing. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#define ULID_LEN 26
#define RUN_ID_LEN 32

void id_ulid(char buf[ULID_LEN + 1], int64_t now_us);
void id_run(char buf[RUN_ID_LEN + 1]);
bool id_is_ulid(const char *s);
bool id_is_run(const char *s);
/* Milliseconds since 1970 that s begins with, as ULIDs and UUIDs of version 7 do; -1: none. What
 * follows the id does not matter unless it is a letter or a digit. */
int64_t id_time_ms(const char *s);
void id_random(void *buf, unsigned n); /* n bytes from getrandom(2) */
