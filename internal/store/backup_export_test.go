package store

import "context"

// RunByHand runs statements as an operator may.
func RunByHand(s *Store, statements string) error {
	_, err := s.writer.db.ExecContext(context.Background(), statements)
	return err
}
