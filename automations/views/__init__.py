"""The ground floor's pages: automations, runs, batches and what people do with them."""
