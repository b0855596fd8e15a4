"""What flows through the pipeline: arrays that know where they are in the world."""
