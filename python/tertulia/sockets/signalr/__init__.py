"""Tertulia's hub for SignalR clients: its methods, its sockets, and how other web workers hand connections over."""
