"""The pages. Each view reads its input, calls a flow or gathers rows, and answers."""
