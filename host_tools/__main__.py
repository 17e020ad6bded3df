"""python -m host_tools is chtool."""

from host_tools.cli import main

if __name__ == "__main__":
    main()
