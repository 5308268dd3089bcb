"""What a governed run costs, measured beside a bare hand-written loop on the same machine in the same hour."""
