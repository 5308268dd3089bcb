"""The Berkeley Function Calling Leaderboard's tools and calls, held against how Proctor checks arguments.

Its data stays outside the project: `pip install --no-deps --target FOLDER bfcl-eval`.
"""
