"""The autoencoder of the demonstration, trained in a quicker form than it is used in."""
