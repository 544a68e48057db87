/* pool.h: the pool of threads, which every file of the engine takes from here. It lives in base
 * because the readers of tables, which know nothing of the engine, share it. */
#pragma once
#include "base/pool.h"
