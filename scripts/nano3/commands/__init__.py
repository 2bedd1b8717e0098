"""What does a person type? `nano3` and its commands; what they answer is worked out in the packages below."""
