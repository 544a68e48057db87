# engine: filled in with the folder
