"""What a result rests on: shortcuts around the face, and what is left without them."""
