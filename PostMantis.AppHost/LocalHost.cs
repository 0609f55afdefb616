Console.WriteLine("PostMantis");
