/* rollouts.h: what the daemon does about rollouts by itself: canaries are judged every few seconds,
 * one that tripped a hard limit is taken back in the store, too, and old counters go. All on
 * verb threads; the calls here are the main thread's. */
#pragma once
#include "run/verbthread.h"
#include "serve/serve.h"

struct rollouts;
struct rollouts *rollouts_new(struct verbthreads *threads, struct serve *serve, struct log *log);
void rollouts_free(struct rollouts *r);                  /* after verbthreads_free; NULL is fine */
void rollouts_tick(struct rollouts *r, int64_t mono_us); /* a few times a second */
