# views: filled in with the folder
