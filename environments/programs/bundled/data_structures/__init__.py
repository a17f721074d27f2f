"""Stacks, queues, heaps, trees and tables at work."""
