"""What a trained model learned, as one page that opens in any browser, without a network."""
