# run: filled in with the folder
