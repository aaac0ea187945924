"""The five articles whose systems Imagette contains: what they published, and programs that find it again."""
