# codec: filled in with the folder
