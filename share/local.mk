# share: what is installed beside the program, and the files of the tree that are not compiled.
dist_doc_DATA = README.md CHANGES LICENSE share/doc/DATA share/doc/REPLIES share/doc/HACKING share/doc/DEMO_DATA
EXTRA_DIST += .gitattributes .clang-format .editorconfig .ci/run bootstrap share/deps.debian

# The manual page and completions are what the program says about itself.
bashcompdir = $(datadir)/bash-completion/completions
zshcompdir = $(datadir)/zsh/site-functions
man_MANS = share/signalbox.1
nodist_bashcomp_DATA = share/signalbox.bash
nodist_zshcomp_DATA = share/_signalbox
CLEANFILES += share/signalbox.1 share/signalbox.bash share/_signalbox
dump = $(AM_V_GEN)$(MKDIR_P) share && ./signalbox$(EXEEXT) --dump
share/signalbox.1: signalbox$(EXEEXT)
	$(dump) man >$@-t && mv $@-t $@
share/signalbox.bash: signalbox$(EXEEXT)
	$(dump) bash >$@-t && mv $@-t $@
share/_signalbox: signalbox$(EXEEXT)
	$(dump) zsh >$@-t && mv $@-t $@
