# store: filled in with the folder
