"""What reaches a hub over a serial link: transports opened by URL, the client with its deadlines, captures."""
