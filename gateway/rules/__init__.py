"""The rules of engagement as tables: what is taken and sent, by version, and what is made of them.

`inbound` says what is read and `sent` what is written; documents, dictionaries for clients and the cases of `outcry
certify` are made from these two and the shipped dictionaries, and nothing of them is written by hand.
"""
