"""What a move would meet, told before anything moves; `assess` tells the story."""
