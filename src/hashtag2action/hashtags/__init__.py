"""From a vocabulary of actions to the hashtags worth collecting."""
