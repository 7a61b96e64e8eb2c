"""Reports as one HTML file that needs no network: text and tables first, pictures on top."""
