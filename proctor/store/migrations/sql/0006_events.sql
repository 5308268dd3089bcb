-- Events: what others may hear of, written in the transaction of the audit record that it comes from.

