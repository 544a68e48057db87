# worker: filled in with the folder
