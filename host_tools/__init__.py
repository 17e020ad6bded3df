"""Host tools: frames, transports, simulators and the chtool command."""

import sys

from host_tools.locate import root

# The firmware's wire definition is the host's too, so `import chf` must find it wherever host_tools is.
# Last on the path: main.py lies there too, and must not hide anyone else's.
if str(root("firmware")) not in sys.path:
    sys.path.append(str(root("firmware")))
