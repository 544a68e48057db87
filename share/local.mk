# share: what is installed beside the program, and the files of the tree that are not compiled.
# One file a line, so that additions do not collide.
dist_doc_DATA = README.md CHANGES LICENSE
dist_doc_DATA += share/doc/ARCHITECTURE
dist_doc_DATA += share/doc/CASEBOOK
dist_doc_DATA += share/doc/DATA
dist_doc_DATA += share/doc/DEMO_DATA
dist_doc_DATA += share/doc/HACKING
dist_doc_DATA += share/doc/REPLIES
EXTRA_DIST += .gitattributes .clang-format .editorconfig
dist_pkgdata_DATA = data/README data/transactions_sample.csv data/transactions_new.csv
dist_pkgdata_DATA += share/examples/sweep.yaml
EXTRA_DIST += .ci/run bootstrap share/deps.debian

promdir = $(pkgdatadir)/prometheus
dist_prom_DATA = share/prometheus/signalbox.yml share/prometheus/signalbox.rules.yml
grafanadir = $(pkgdatadir)/grafana
dist_grafana_DATA = share/grafana/signalbox.json
systemddir = $(pkgdatadir)/systemd
dist_systemd_DATA = share/systemd/signalbox.service

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
