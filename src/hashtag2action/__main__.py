"""Run `python -m hashtag2action` like the command `h2a`."""

from hashtag2action.cli import main

if __name__ == "__main__":
    main()
