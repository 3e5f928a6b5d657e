"""What threads and tasks that share one loaded model need: deadlines, turns, one encoding for all who ask."""
