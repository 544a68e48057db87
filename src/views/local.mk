# views: the console. canvas_curses.c is the only file that sees <ncurses.h>.
noinst_LIBRARIES += %D%/libviews.a
%C%_libviews_a_SOURCES = \
	%D%/canvas.c %D%/canvas.h %D%/canvas_mem.c %D%/canvas_text.c %D%/console.h %D%/fmt.c %D%/fmt.h \
	%D%/glyphs.def %D%/key.c %D%/key.h %D%/layout.c %D%/layout.h %D%/theme.c %D%/theme.def \
	%D%/theme.h \
	%D%/widgets/chart.c %D%/widgets/chart.h %D%/widgets/edit.c %D%/widgets/edit.h \
	%D%/widgets/meter.c %D%/widgets/meter.h %D%/widgets/table.c %D%/widgets/table.h
