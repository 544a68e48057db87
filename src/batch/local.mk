# batch: filled in with the folder
