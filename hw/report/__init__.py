"""What a build is: figures for programs (`summary`), a page of text (`text`), and one to look at (`page`)."""
