"""Reading the files people bring, the same way for every command: dialect, layout, cells; errors name the line and the dialect.

Nothing here opens a file: a file is its name and a function that gives its bytes from their beginning.
"""
