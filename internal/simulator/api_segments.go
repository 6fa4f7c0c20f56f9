package simulator

// Segments and subscription types are not simulated: there are none.

func listSegments(*call) (any, error) {
	return map[string]any{"type": "segment.list", "segments": []any{}}, nil
}

func listSubscriptionTypes(*call) (any, error) {
	return map[string]any{"type": "list", "data": []any{}}, nil
}
