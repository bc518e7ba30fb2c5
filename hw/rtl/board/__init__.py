"""What a board adds to a core: UART, mailbox, text; one Component per file."""
