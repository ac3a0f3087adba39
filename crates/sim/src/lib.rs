//! A fake world for the ports of the runtime: seeds, faults, invariant checkers. Never part of the product.
