# app: filled in with the folder
