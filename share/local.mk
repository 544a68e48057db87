# share: what is installed beside the program, and the files of the tree that are not compiled.
dist_doc_DATA = README.md CHANGES LICENSE share/doc/DATA share/doc/REPLIES share/doc/HACKING share/doc/DEMO_DATA
EXTRA_DIST += .gitattributes .clang-format .editorconfig .ci/run bootstrap share/deps.debian
