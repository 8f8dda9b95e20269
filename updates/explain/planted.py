"""Streams in which known facts change at a known instant: does the explanation name them?"""
