"""What other servers tell ours and ours tells them, once the gate has let it in or the queue lets it out."""
