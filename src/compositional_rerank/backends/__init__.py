"""What runs the networks beside plain torch."""
