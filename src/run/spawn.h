/* spawn.h: worker processes. Fills in the job slots of struct ports. A worker is
 * /proc/self/exe worker --job ID in a session of its own (it survives the terminal), with
 * stdio on the job's log file and a progress pipe as descriptor 3 when somebody follows. */
#pragma once
#include "app/app.h"
#include "run/loop.h"

/* Follows jobs on a private loop: for the command line. interrupt: set by main's signal
 * handler; asks for cancellation once, forces it the second time. */
struct follower { volatile int *interrupt; const char *exe; void *user;
                  void (*progress)(void *user, const struct job_news *n); };
struct ports ports_process(struct follower *f);

/* In the console and the daemon: keeps up to max workers running for ready jobs, rescues
 * expired leases, restarts after crashes. Wakes on notify and every 5 s. */
struct jobrunner;
int jobrunner_new(struct loop *l, const struct app_config *cfg, int max, struct jobrunner **ret,
                  struct err *e);
void jobrunner_notify(struct jobrunner *j);
void jobrunner_free(struct jobrunner *j); /* workers go on */
