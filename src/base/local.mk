noinst_LIBRARIES += %D%/libbase.a
%C%_libbase_a_SOURCES = \
	%D%/arena.c %D%/arena.h %D%/clock.c %D%/clock.h %D%/cpu.c %D%/cpu.h %D%/crc.c %D%/digest.c %D%/dense.h %D%/digest.h \
	%D%/ensemble.c %D%/ensemble.h %D%/err.c %D%/err.h %D%/errors.def %D%/file.c %D%/file.h %D%/hist.c %D%/hist.h %D%/id.c %D%/id.h \
	%D%/json.c %D%/log.c %D%/log.h %D%/map.c %D%/map.h %D%/mem.c %D%/mem.h \
	%D%/param.c %D%/param.h %D%/pool.c %D%/pool.h %D%/pow10.h %D%/real.c %D%/rng.c %D%/rng.h %D%/secret.c %D%/secret.h %D%/str.c %D%/str.h \
	%D%/utf8.c %D%/utf8.h %D%/val.c %D%/val.h %D%/vec.h
